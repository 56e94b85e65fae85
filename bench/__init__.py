"""Benchmarks: this project compared with a floor and with a peer, as ratios within one run."""
