// Maximum and sum over a row that one workgroup holds, a value in each of its LANES; shared by concatenation.

override LANES: u32 = 256u; // a power of two

var<workgroup> row: array<f32, LANES>;

fn row_max(lane: u32, value: f32) -> f32 {
    var top = value;
    row[lane] = top;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            top = max(top, row[lane + half]);
            row[lane] = top;
        }
        workgroupBarrier();
    }
    let result = row[0];
    workgroupBarrier(); // the row may be used again
    return result;
}

fn row_sum(lane: u32, value: f32) -> f32 {
    var sum = value;
    row[lane] = sum;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            sum += row[lane + half];
            row[lane] = sum;
        }
        workgroupBarrier();
    }
    let result = row[0];
    workgroupBarrier();
    return result;
}
