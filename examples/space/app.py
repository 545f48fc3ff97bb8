"""A Space of the Hugging Face Hub that shows the page of `biasgan app`."""

from biasgan.app import main

main()
