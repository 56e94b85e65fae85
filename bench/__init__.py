"""Benchmarks: what this project does, side by side with a floor and with a peer, as ratios within one run."""
