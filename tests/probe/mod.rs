//! Calls one function of a shader on the GPU, by an entry point of the test's own.
use saddle::gpu::Device;
use wgpu::BufferUsages;

/// Runs the entry point `probe` of `source` in workgroups of 64: it reads `words` at binding 0 of group 0 and writes
/// `count` words at binding 6.
pub fn probe(device: &Device, source: &str, constants: &[(String, f64)], words: &[u32], count: usize) -> Vec<u32> {
    let constants: Vec<(&str, f64)> = constants.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let module = device.raw.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let pipeline = device.raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("probe"),
        layout: None,
        module: &module,
        entry_point: Some("probe"),
        compilation_options: wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() },
        cache: None,
    });
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
    let input = device.buffer("words", 4 * words.len() as u64, usage).unwrap();
    let output = device.buffer("result", 4 * count as u64, usage).unwrap();
    device.queue.write_buffer(&input, 0, bytemuck::cast_slice(words));
    let group = device.raw.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[
            wgpu::BindGroupEntry { binding: 0, resource: input.as_entire_binding() },
            wgpu::BindGroupEntry { binding: 6, resource: output.as_entire_binding() },
        ],
    });
    let mut encoder = device.raw.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(count.div_ceil(64) as u32, 1, 1);
    drop(pass);
    device.queue.submit([encoder.finish()]);
    bytemuck::pod_collect_to_vec(&device.read(&output, 0, 4 * count as u64).unwrap())
}
