"""What this machine's firewall would do with a connection from a device: ``read`` asks the system, the others judge its rules."""
