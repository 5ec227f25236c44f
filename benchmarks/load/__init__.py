"""Open-loop load: requests arrive when they arrive, whether or not the ones before are served."""
