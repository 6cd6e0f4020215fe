"""GloVe vectors of one's own domain: continued from pretrained ones on unlabelled text, or fitted from scratch."""
