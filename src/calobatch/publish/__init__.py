"""Write the results of a scenario to a folder that can be published."""
