"""`calobatch watch`: what each training of a scenario is doing, while it runs."""
