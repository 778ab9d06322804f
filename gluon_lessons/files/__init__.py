"""What is fetched: the cache, downloads, package registries, archives and hashes; nothing else reaches out."""
