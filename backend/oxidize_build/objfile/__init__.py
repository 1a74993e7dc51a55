"""Object files: attach an image to a stub, and read what a shared object needs."""
