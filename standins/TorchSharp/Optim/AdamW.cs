using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>Adam with decoupled weight decay (arXiv 1711.05101). A whole group is stepped in one native call.</summary>
public sealed unsafe class AdamW : OptimizerHelper, optim.IBetas
{
    private readonly double beta1;
    private readonly double beta2;

    public AdamW(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false)
        : this([new ParamGroup(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize)], lr, beta1, beta2, eps, weight_decay, amsgrad, maximize)
    {
    }

    public AdamW(IEnumerable<ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false)
    {
        if (lr < 0) throw new ArgumentException($"Invalid learning rate: {lr}");
        if (eps < 0) throw new ArgumentException($"Invalid ε: {eps}");
        if (beta1 is < 0 or >= 1) throw new ArgumentException($"Invalid beta1: {beta1}");
        if (beta2 is < 0 or >= 1) throw new ArgumentException($"Invalid beta2: {beta2}");
        if (weight_decay < 0) throw new ArgumentException($"Invalid weight_decay value: {weight_decay}");
        (this.beta1, this.beta2) = (beta1, beta2);
        foreach (var group in parameters)
        {
            groups.Add(group);
            var options = (Options)group.Options;
            foreach (var p in group.Parameters) state[p.Handle] = new State(p, options.amsgrad);
        }
    }

    public (double, double) Betas
    {
        get => groups.Count > 0 ? ((ParamGroup)groups[0]).Betas : (beta1, beta2);
        set
        {
            foreach (var group in groups.Cast<ParamGroup>()) group.Betas = value;
        }
    }

    /// <summary>Updates every parameter that has a gradient.</summary>
    public override Tensor? step(Func<Tensor>? closure = null)
    {
        Tensor? loss = null;
        if (closure is not null)
        {
            using var gradients = enable_grad();
            loss = closure();
        }

        foreach (var group in groups) StepGroup(group, (Options)group.Options);
        return loss;
    }

    protected override void Dispose(bool disposing)
    {
        foreach (var s in state.Values.Cast<State>()) s.Dispose();
        state.Clear();
    }

    private void StepGroup(Modules.ParamGroup group, Options o)
    {
        var chosen = new List<(Parameter Parameter, State State)>();
        foreach (var p in group.Parameters)
        {
            using var gradient = p.grad;
            if (gradient is not null) chosen.Add((p, (State)state[p.Handle]));
        }

        var n = chosen.Count;
        if (n == 0) return;
        nint[] p0 = new nint[n], m = new nint[n], v = new nint[n], top = o.amsgrad ? new nint[n] : [];
        var steps = new long[n];
        for (var i = 0; i < n; i++)
        {
            var (parameter, s) = chosen[i];
            steps[i] = ++s.step;
            (p0[i], m[i], v[i]) = (parameter.Handle, s.exp_avg.Handle, s.exp_avg_sq.Handle);
            if (o.amsgrad) top[i] = s.max_exp_avg_sq!.Handle;
        }

        fixed (nint* pp = p0, pm = m, pv = v, pt = top)
        fixed (long* ps = steps)
        {
            LibTorch.Check(LibTorch.ts_adamw_(pp, pm, pv, pt, ps, n, o.LearningRate!.Value, o.beta1, o.beta2, o.eps, o.weight_decay, o.maximize));
        }

        GC.KeepAlive(chosen);
    }

    public sealed class ParamGroup : Modules.ParamGroup, optim.IBetas
    {
        public ParamGroup(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false)
            : base(parameters, new Options { LearningRate = lr, InitialLearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay, amsgrad = amsgrad, maximize = maximize })
        {
        }

        public (double, double) Betas
        {
            get => (((Options)Options).beta1, ((Options)Options).beta2);
            set => (((Options)Options).beta1, ((Options)Options).beta2) = value;
        }
    }

    internal sealed class Options : OptimizerOptions
    {
        internal double beta1;
        internal double beta2;
        internal double eps;
        internal double weight_decay;
        internal bool amsgrad;
        internal bool maximize;

        public override void LoadStateDict(BinaryReader reader)
        {
            InitialLearningRate = reader.ReadDouble();
            LearningRate = reader.ReadDouble();
            beta1 = reader.ReadDouble();
            beta2 = reader.ReadDouble();
            eps = reader.ReadDouble();
            weight_decay = reader.ReadDouble();
            amsgrad = reader.ReadBoolean();
            maximize = reader.ReadBoolean();
        }

        public override void SaveStateDict(BinaryWriter writer)
        {
            writer.Write(InitialLearningRate!.Value);
            writer.Write(LearningRate!.Value);
            writer.Write(beta1);
            writer.Write(beta2);
            writer.Write(eps);
            writer.Write(weight_decay);
            writer.Write(amsgrad);
            writer.Write(maximize);
        }
    }

    internal sealed class State : OptimizerState, IDisposable
    {
        internal long step;
        internal Tensor exp_avg;
        internal Tensor exp_avg_sq;
        internal Tensor? max_exp_avg_sq;

        internal State(Parameter parameter, bool amsgrad)
        {
            exp_avg = zeros_like(parameter).DetachFromDisposeScope();
            exp_avg_sq = zeros_like(parameter).DetachFromDisposeScope();
            if (amsgrad) max_exp_avg_sq = zeros_like(parameter).DetachFromDisposeScope();
        }

        public override void LoadStateDict(BinaryReader reader)
        {
            step = reader.ReadInt64();
            ReadTensor(reader, exp_avg);
            ReadTensor(reader, exp_avg_sq);
            if (reader.ReadBoolean()) ReadTensor(reader, max_exp_avg_sq ??= zeros_like(exp_avg_sq).DetachFromDisposeScope());
        }

        public override void SaveStateDict(BinaryWriter writer)
        {
            writer.Write(step);
            WriteTensor(writer, exp_avg);
            WriteTensor(writer, exp_avg_sq);
            writer.Write(max_exp_avg_sq is not null);
            if (max_exp_avg_sq is not null) WriteTensor(writer, max_exp_avg_sq);
        }

        public void Dispose()
        {
            exp_avg.Dispose();
            exp_avg_sq.Dispose();
            max_exp_avg_sq?.Dispose();
        }
    }
}
