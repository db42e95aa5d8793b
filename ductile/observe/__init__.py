"""What people and programs see of the gateway at work."""
