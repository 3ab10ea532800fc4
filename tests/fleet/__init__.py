"""Many targets at once, and whatever may go wrong in some of them."""
