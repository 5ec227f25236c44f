"""What a GPU makes of the networks and of the whole chain: ``bash benchmarks/gpu.sh``."""
