"""The optional LLM reviewer: battle → k opinions on its logic → a bounded change of L, or a stated reason for none."""
