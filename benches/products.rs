//! Times the CPU runner's products at the shapes of the reference networks. Arguments select names that contain any of
//! them; `RAYON_NUM_THREADS` and `BATCH` in the environment change threads (2) and images (64).

use saddle::cpu::products::*;
use saddle::kernels::Geometry;
use std::time::{Duration, Instant};

fn main() {
    let given = |name, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (threads, b) = (given("RAYON_NUM_THREADS", 2), given("BATCH", 64));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
    pool.install(|| {
        let mut bench = Bench {
            wanted: std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect(),
            scratch: Scratch::new(),
        };
        for (m, k, n) in [
            (64, 100, 256),
            (64, 256, 512),
            (64, 512, 784),
            (64, 784, 512),
            (64, 512, 256),
            (64, 256, 1),
            (64, 100, 12544),
            (64, 6272, 1),
        ] {
            bench.matmul(m, k, n);
        }
        for (name, c, h, k, r, stride, pad) in [
            ("dcgan28 256<-128 14x14 k4 s2", 128, 14, 256, 4, 2, 1),
            ("dcgan28 128<-64 28x28 k4 s2", 64, 28, 128, 4, 2, 1),
            ("dcgan28 1<-64 28x28 k3 s1", 64, 28, 1, 3, 1, 1),
            ("dcgan28 64<-1 28x28 k4 s2", 1, 28, 64, 4, 2, 1),
            ("dcgan28 128<-64 14x14 k4 s2", 64, 14, 128, 4, 2, 1),
            ("dcgan64 64<-3 64x64 k4 s2", 3, 64, 64, 4, 2, 1),
            ("dcgan64 128<-64 32x32 k4 s2", 64, 32, 128, 4, 2, 1),
            ("dcgan64 256<-128 16x16 k4 s2", 128, 16, 256, 4, 2, 1),
            ("dcgan64 512<-256 8x8 k4 s2", 256, 8, 512, 4, 2, 1),
            ("dcgan64 512<-512 8x8 k4 s2", 512, 8, 512, 4, 2, 1),
            ("dcgan64 1<-512 4x4 k4 s1 p0", 512, 4, 1, 4, 1, 0),
            ("dcgan64 100<-512 4x4 k4 s1 p0", 512, 4, 100, 4, 1, 0),
        ] {
            let p = (h + 2 * pad - r) / stride + 1;
            let conv = Geometry { b, c, h, w: h, k, r, s: r, p, q: p, stride: [stride; 2], pad: [pad; 2] };
            bench.conv(name, &conv);
        }
    });
}

struct Bench {
    /// Parts of the names to run; all if empty.
    wanted: Vec<String>,
    scratch: Scratch,
}

impl Bench {
    fn time(&mut self, name: &str, flops: usize, mut product: impl FnMut(&mut Scratch)) {
        if !self.wanted.is_empty() && !self.wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            return;
        }
        (0..3).for_each(|_| product(&mut self.scratch));
        let (mut times, start) = (vec![], Instant::now());
        while times.len() < 9 || (start.elapsed() < Duration::from_millis(400) && times.len() < 400) {
            let start = Instant::now();
            product(&mut self.scratch);
            times.push(start.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        let (median, min) = (times[times.len() / 2], times[0]);
        let rate = flops as f64 / median / 1e9;
        println!("{name:40} median {:9.4} ms  min {:9.4} ms {rate:7.1} GFLOP/s", median * 1e3, min * 1e3);
    }

    /// x\[m,k\] w\[k,n\] and its two gradients.
    fn matmul(&mut self, m: usize, k: usize, n: usize) {
        let (mut x, mut w, mut y) = (numbers(m * k), numbers(k * n), numbers(m * n));
        let (flops, name) = (2 * m * k * n, format!("matmul {m}x{k}x{n}"));
        self.time(&format!("{name} NN"), flops, |scratch| {
            matmul(&Matmul::new(m, k, n), &x, &w, &mut y, scratch, nothing);
        });
        let shape = Matmul::new(m, n, k).transposed_b();
        self.time(&format!("{name} NT"), flops, |scratch| matmul(&shape, &y, &w, &mut x, scratch, nothing));
        let shape = Matmul::new(k, m, n).transposed_a();
        self.time(&format!("{name} TN"), flops, |scratch| matmul(&shape, &x, &y, &mut w, scratch, nothing));
    }

    fn conv(&mut self, name: &str, conv: &Geometry) {
        let [mut x, mut w, mut y] = conv.lens().map(numbers);
        let flops = 2 * conv.lens()[2] * conv.c * conv.r * conv.s;
        self.time(&format!("{name} y"), flops, |scratch| conv2d(conv, &x, &w, &mut y, scratch, nothing));
        self.time(&format!("{name} x"), flops, |scratch| conv2d_input(conv, &w, &y, &mut x, scratch, nothing));
        self.time(&format!("{name} w"), flops, |scratch| conv2d_filter(conv, &x, &y, &mut w, scratch, nothing));
    }
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5).collect()
}
