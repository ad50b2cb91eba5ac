// Maximum and sum over a row that one workgroup holds, a value in each of its LANES; shared by concatenation.

override LANES: u32 = 256u; // a power of two

var<workgroup> row: array<f32, LANES>;

fn row_max(lane: u32, value: f32) -> f32 {
    row[lane] = value;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            row[lane] = max(row[lane], row[lane + half]);
        }
        workgroupBarrier();
    }
    let result = row[0];
    workgroupBarrier(); // the row may be used again
    return result;
}

fn row_sum(lane: u32, value: f32) -> f32 {
    row[lane] = value;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            row[lane] += row[lane + half];
        }
        workgroupBarrier();
    }
    let result = row[0];
    workgroupBarrier();
    return result;
}
