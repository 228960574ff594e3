"""What is wrong with this machine, environment or installation, and what to do about it."""
