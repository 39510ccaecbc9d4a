"""From text to a Timeline: phonemes, words, durations, and pieces of a token stream."""
