"""Communication between ranks: one interface and three back ends."""
