"""What tests stand on: the loopback endpoint and its replies."""
