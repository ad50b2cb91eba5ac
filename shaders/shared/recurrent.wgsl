// Code that the kernels of recurrent layers share, by concatenation. A workgroup takes ROWS examples through all steps:
// values of one unit for these examples are a vector `Rows`, which the kernel defines, and the lanes run along the
// units.

override T: u32 = 1u;
override B: u32 = 1u;
override H: u32 = 1u;
override REVERSE: bool = false;
override LANES: u32 = 32u;

// The time step of the s-th step of the recurrence.
fn time(s: u32) -> u32 {
    return select(s, T - 1u - s, REVERSE);
}

// The indices of the states before and after time step t, and of the initial state, among all T + 1 states in the order
// of time.
fn before(t: u32) -> u32 {
    return select(t, t + 1u, REVERSE);
}

fn after(t: u32) -> u32 {
    return select(t + 1u, t, REVERSE);
}

fn initial() -> u32 {
    return select(0u, T, REVERSE);
}

// The i-th example of a workgroup. Past the end of the batch, the last example again: its value is then stored
// repeatedly.
fn example(first: u32, i: u32) -> u32 {
    return min(first + i, B - 1u);
}

fn sigmoid(x: Rows) -> Rows {
    return 1.0 / (1.0 + exp(-x));
}

// The derivative of the sigmoid, s (1 - s), from its value s.
fn slope(s: Rows) -> Rows {
    return s * (1.0 - s);
}

// tanh, with limits because it is NaN for large x on some drivers.
fn squash(x: Rows) -> Rows {
    return tanh(clamp(x, Rows(-10.0), Rows(10.0)));
}

// `new_value` where the mask is 1, `old` where it is 0.
fn choose(m: Rows, new_value: Rows, old: Rows) -> Rows {
    return m * new_value + (1.0 - m) * old;
}
