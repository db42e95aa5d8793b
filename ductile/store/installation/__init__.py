"""Files of one installation beside its state: the key, retired secrets, and the address of the running gateway."""
