"""A local AWS: moto's handlers behind a keep-alive server, as strict and as hostile as the real one."""
