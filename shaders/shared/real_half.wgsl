// Numbers in half precision.

enable f16;

alias Real = f16;
