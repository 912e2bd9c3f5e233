using System.Diagnostics;
using System.Runtime.InteropServices;
using Btx.Exporter.Graphs;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Bench.Mixture;

/// <summary>Decodes one sequence with the served decode graph: the server's session settings, everything
/// bound once, KV on the session's device.</summary>
internal sealed unsafe class DecodeLoop : IDecodeLoop
{
    private const int FirstPosition = 64;

    private readonly List<IDisposable> owned = [];
    private readonly InferenceSession session;
    private readonly OrtIoBinding io;
    private readonly RunOptions runOptions = new();
    private readonly long[] id = GC.AllocateArray<long>(1, pinned: true), k = GC.AllocateArray<long>(1, pinned: true);
    private readonly int[] past = GC.AllocateArray<int>(1, pinned: true), total = GC.AllocateArray<int>(1, pinned: true);
    private readonly List<(string Name, OrtValue Value)> inputs = [];
    private readonly int context, vocabulary;
    private readonly bool rebind;

    public DecodeLoop(ServedModel model, int expertsPerToken, BenchOptions o, int threads)
    {
        (context, vocabulary, rebind) = (model.Config.MaxPositionEmbeddings, model.Config.VocabSize, o.Device.IsCuda);
        using var options = new SessionOptions
        {
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            EnableMemoryPattern = false,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        foreach (var (key, value) in PlaceholderWeights.SessionEntries(o.Precision.Name())) options.AddSessionConfigEntry(key, value);
        foreach (var path in model.Weights)
        {
            var file = Own(SafetensorsFile.Open(path));
            foreach (var info in file.Tensors.Values)
                options.AddInitializer(info.Name, Own(OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, Type(info.Dtype),
                    [.. info.Shape], (nint)file.Pointer(info), info.Length)));
        }

        if (o.Device.IsCuda) options.AppendExecutionProvider_CUDA(o.Device.Index);
        session = Own(new InferenceSession(model.Decode(expertsPerToken), options, Own(new PrePackedWeightsContainer())));
        io = Own(session.CreateIoBinding());
        inputs.Add(("input_ids", Own(OrtValue.CreateTensorValueFromMemory(id, [1, 1]))));
        inputs.Add(("seqlens_k", Own(OrtValue.CreateTensorValueFromMemory(past, [1]))));
        inputs.Add(("total_sequence_length", Own(OrtValue.CreateTensorValueFromMemory(total, []))));
        if (session.InputMetadata.ContainsKey(RouterInput)) inputs.Add((RouterInput, Own(OrtValue.CreateTensorValueFromMemory(k, [1]))));
        BindCache(model, o);
        io.BindOutput("logits", Own(OrtValue.CreateTensorValueFromMemory(new float[vocabulary], [1, vocabulary])));
        if (model.Config.Moe is { } moe)
            io.BindOutput("router_gates", Own(OrtValue.CreateTensorValueFromMemory(
                new float[model.Config.NumHiddenLayers * moe.Experts], [1, model.Config.NumHiddenLayers, moe.Experts])));
        foreach (var (name, value) in inputs) io.BindInput(name, value);
    }

    private static string RouterInput => "experts_per_token";

    public double Run(int expertsPerToken, int steps, Random random)
    {
        k[0] = expertsPerToken;
        var clock = Stopwatch.StartNew();
        for (var step = 0; step < steps; step++)
        {
            id[0] = random.Next(vocabulary);
            past[0] = FirstPosition + (step % (context - FirstPosition));
            total[0] = past[0] + 1;
            if (rebind)
            {
                foreach (var (name, value) in inputs) io.BindInput(name, value);
            }

            session.RunWithBinding(runOptions, io);
        }

        return clock.Elapsed.TotalMilliseconds / steps;
    }

    public void Dispose()
    {
        runOptions.Dispose();
        for (var i = owned.Count; i-- > 0;) owned[i].Dispose();
    }

    private void BindCache(ServedModel model, BenchOptions o)
    {
        var c = model.Config;
        var dtype = o.Precision.Dtype();
        var bytes = (long)c.NumKeyValueHeads * context * c.HeadDim * dtype.Size();
        var memory = o.Device.IsCuda
            ? Own(new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, o.Device.Index, OrtMemType.Default))
            : OrtMemoryInfo.DefaultInstance;
        var allocator = o.Device.IsCuda ? Own(new OrtAllocator(session, memory)) : null;
        for (var i = 0; i < 2 * c.NumHiddenLayers; i++)
        {
            nint buffer;
            if (allocator is null)
            {
                buffer = (nint)NativeMemory.AllocZeroed((nuint)bytes);
                owned.Add(new Freed(buffer));
            }
            else
            {
                buffer = Own(allocator.Allocate(checked((uint)bytes))).DangerousGetHandle();
            }

            var value = Own(OrtValue.CreateTensorValueWithData(memory, Type(dtype), [1, c.NumKeyValueHeads, context, c.HeadDim],
                buffer, bytes));
            var part = i % 2 == 0 ? "key" : "value";
            io.BindInput($"past_key_values.{i / 2}.{part}", value);
            io.BindOutput($"present.{i / 2}.{part}", value);
        }
    }

    private static TensorElementType Type(TensorDtype dtype) => dtype switch
    {
        TensorDtype.F16 => TensorElementType.Float16,
        TensorDtype.BF16 => TensorElementType.BFloat16,
        TensorDtype.U8 => TensorElementType.UInt8,
        _ => TensorElementType.Float,
    };

    private T Own<T>(T value) where T : IDisposable
    {
        owned.Add(value);
        return value;
    }

    private sealed class Freed(nint buffer) : IDisposable
    {
        public void Dispose() => NativeMemory.Free((void*)buffer);
    }
}
