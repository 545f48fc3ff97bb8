"""biasgan: restore compressed images with GANs that are not biased towards the compressed image."""

__version__ = "0.1.0"
