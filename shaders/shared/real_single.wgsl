// Numbers in single precision.

alias Real = f32;
