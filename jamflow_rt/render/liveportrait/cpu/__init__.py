"""The render path of LivePortrait as a CPU does it fastest: equal in exact arithmetic.

A processor's time goes into multiplications, so the convolutions here need fewer of them. Images
and volumes of one picture are (D, H, W, C), channels last; an image has D = 1.
"""
