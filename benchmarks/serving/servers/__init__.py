"""What runs in the environments of the servers under test; the files import one another by bare name."""
