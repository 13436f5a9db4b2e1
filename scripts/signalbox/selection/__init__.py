"""Which tests a change can affect: the impact index, the questions it answers, and the plan made of them."""
