"""How ranks talk: one interface, three back ends (Horovod, torch.distributed, one process)."""
