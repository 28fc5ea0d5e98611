"""What OCI images consist of: blobs under their digests, descriptors, layouts, archives."""
