using System.Runtime.Intrinsics;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Btx.Trainer.Optimisation;

/// <summary>AdamW whose step on a CPU is one pass over each parameter, its gradient and its moments, clipping included. Its state, and so
/// its file, is that of TorchSharp's AdamW (which names its class in the file), and on other devices so is the step. Every parameter has a
/// gradient from the start, zero where nothing was learned: a resumed run then decays what an uninterrupted one decays.</summary>
public sealed unsafe class AdamW : TorchSharp.Modules.AdamW
{
    private const int ChunkElements = 1 << 16;
    private readonly double clipNorm;
    private readonly Parameter[] learning;

    /// <param name="parameters">Those with <c>requires_grad</c> learn.</param>
    public AdamW(IReadOnlyList<Parameter> parameters, AdamWSettings settings, double learningRate)
        : base(Groups(parameters, settings, learningRate), learningRate, settings.Beta1, settings.Beta2, settings.Epsilon, 0, false, false)
    {
        clipNorm = settings.ClipNorm;
        learning = [.. parameters.Where(p => p.requires_grad)];
        foreach (var parameter in learning) parameter.grad ??= zeros_like(parameter, requires_grad: false).DetachFromDisposeScope();
    }

    /// <summary>Clips the gradients as a whole, updates the parameters, and clears the gradients.</summary>
    /// <param name="learningRate">Of this step.</param>
    /// <returns>The norm of the gradient before clipping, 0 without clipping. Where it is not finite, nothing was changed.</returns>
    public double Step(double learningRate)
    {
        foreach (var group in _parameter_groups) group.LearningRate = learningRate;
        if (learning.Length > 0 && learning[0].device_type != DeviceType.CPU) return StepOnDevice();
        using var scope = NewDisposeScope();
        var chunks = Chunks();
        var norm = 0.0;
        if (clipNorm > 0)
        {
            var squares = new double[chunks.Count];
            Each(chunks.Count, i => squares[i] = Squares(chunks[i]));
            norm = Math.Sqrt(squares.Sum());
            if (!double.IsFinite(norm)) return norm;
        }

        foreach (var parameter in learning) ((State)_state[parameter.Handle]).step++;
        var scale = (float)Math.Min(1, clipNorm > 0 ? clipNorm / (norm + 1e-6) : 1);
        Each(chunks.Count, i => Update(chunks[i], scale));
        return norm;
    }

    private double StepOnDevice()
    {
        var norm = clipNorm > 0 ? nn.utils.clip_grad_norm_(learning, clipNorm) : 0;
        if (!double.IsFinite(norm)) return norm;
        step(null);
        zero_grad();
        return norm;
    }

    private List<Chunk> Chunks()
    {
        var chunks = new List<Chunk>();
        foreach (var group in _parameter_groups.Cast<ParamGroup>())
        {
            var o = group.Options;
            double beta1 = o.beta1!.Value, beta2 = o.beta2!.Value, rate = group.LearningRate;
            foreach (var parameter in group.Parameters)
            {
                var state = (State)_state[parameter.Handle];
                var step = state.step + 1;
                var factors = new Factors(
                    (float)(1 - (rate * o.weight_decay!.Value)), (float)beta1, (float)(1 - beta1), (float)beta2, (float)(1 - beta2),
                    (float)(1 / Math.Sqrt(1 - Math.Pow(beta2, step))), (float)o.eps!.Value, (float)(rate / (1 - Math.Pow(beta1, step))));
                float* weights = NativeTensor.Data(parameter), gradient = NativeTensor.Data(parameter.grad!),
                    mean = NativeTensor.Data(state.exp_avg), square = NativeTensor.Data(state.exp_avg_sq);
                var elements = parameter.numel();
                for (long at = 0; at < elements; at += ChunkElements)
                    chunks.Add(new()
                    {
                        Weights = weights + at,
                        Gradient = gradient + at,
                        Mean = mean + at,
                        Square = square + at,
                        Length = (int)Math.Min(ChunkElements, elements - at),
                        Factors = factors,
                    });
            }
        }

        return chunks;
    }

    private static double Squares(Chunk chunk)
    {
        Vector512<float> sum = default;
        var i = 0;
        for (; i <= chunk.Length - 16; i += 16) sum += Vector512.Load(chunk.Gradient + i) * Vector512.Load(chunk.Gradient + i);
        double total = Vector512.Sum(sum);
        for (; i < chunk.Length; i++) total += (double)chunk.Gradient[i] * chunk.Gradient[i];
        return total;
    }

    // m ← β1 m + (1 - β1) g; v ← β2 v + (1 - β2) g²; θ ← (1 - η λ) θ - η m̂ / (√v̂ + ε); then g ← 0.
    private static void Update(Chunk chunk, float scale)
    {
        var f = chunk.Factors;
        var i = 0;
        for (; i <= chunk.Length - 16; i += 16)
        {
            var g = Vector512.Load(chunk.Gradient + i) * scale;
            var m = (Vector512.Load(chunk.Mean + i) * f.Beta1) + (g * f.Rest1);
            var v = (Vector512.Load(chunk.Square + i) * f.Beta2) + (g * g * f.Rest2);
            var step = m * f.Rate / ((Vector512.Sqrt(v) * f.Correction) + Vector512.Create(f.Epsilon));
            Vector512.Store((Vector512.Load(chunk.Weights + i) * f.Decay) - step, chunk.Weights + i);
            Vector512.Store(m, chunk.Mean + i);
            Vector512.Store(v, chunk.Square + i);
            Vector512.Store(Vector512<float>.Zero, chunk.Gradient + i);
        }

        for (; i < chunk.Length; i++)
        {
            var g = chunk.Gradient[i] * scale;
            var m = (chunk.Mean[i] * f.Beta1) + (g * f.Rest1);
            var v = (chunk.Square[i] * f.Beta2) + (g * g * f.Rest2);
            chunk.Weights[i] = (chunk.Weights[i] * f.Decay) - (m * f.Rate / ((MathF.Sqrt(v) * f.Correction) + f.Epsilon));
            (chunk.Mean[i], chunk.Square[i], chunk.Gradient[i]) = (m, v, 0);
        }
    }

    // Each chunk is computed alone and sums are added in their order, so the result is the same for any number of threads.
    private static void Each(int count, Action<int> body)
    {
        var threads = Math.Min(get_num_threads(), count / 4);
        if (threads > 1) Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
        else for (var i = 0; i < count; i++) body(i);
    }

    private static IEnumerable<ParamGroup> Groups(IReadOnlyList<Parameter> parameters, AdamWSettings s, double rate) =>
        from p in parameters
        where p.requires_grad
        group p by p.ndim > 1 into kind
        orderby kind.Key descending
        select new ParamGroup(kind, rate, s.Beta1, s.Beta2, s.Epsilon, kind.Key ? s.WeightDecay : 0, false, false);

    private sealed record Factors(float Decay, float Beta1, float Rest1, float Beta2, float Rest2, float Correction, float Epsilon,
        float Rate);

    private struct Chunk
    {
        public float* Weights, Gradient, Mean, Square;
        public int Length;
        public Factors Factors;
    }
}

/// <summary>AdamW (Loshchilov and Hutter 2019). Weight decay applies to matrices, not to norms.</summary>
public sealed record AdamWSettings
{
    public double Beta1 { get; init; } = 0.9;
    public double Beta2 { get; init; } = 0.98;
    public double Epsilon { get; init; } = 1e-8;
    public double WeightDecay { get; init; } = 0.05;
    public double ClipNorm { get; init; } = 1; // largest norm of the whole gradient; 0: no clipping
}
