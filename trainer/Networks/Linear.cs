using TorchSharp;
using static Btx.Trainer.Devices.NativeTensor;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks;

/// <summary>y = x Wᵀ with its gradients, by <see cref="MatrixProduct"/> where that is faster than libtorch, else by libtorch.</summary>
internal sealed unsafe class Linear : autograd.SingleTensorFunction<Linear>
{
    private const string WeightLearns = "weight learns";

    // What backward gave to libtorch last: it holds a reference of its own by the time of the next call.
    [ThreadStatic]
    private static List<Tensor>? s_given;

    public override string Name => nameof(Linear);

    /// <summary>x [N, d] and a weight [f, d] → [N, f].</summary>
    public static Tensor Of(Tensor x, Tensor weight)
    {
        if (!MatrixProduct.IsFaster || x.device_type != DeviceType.CPU || x.dtype != float32 || weight.dtype != float32)
            return nn.functional.linear(x, weight);
        return is_grad_enabled() && (x.requires_grad || weight.requires_grad) ? apply(x, weight) : Product(x, weight);
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        Tensor x = (Tensor)vars[0], weight = (Tensor)vars[1];
        ctx.save_data(WeightLearns, weight.requires_grad);
        ctx.save_for_backward([x, weight]);
        return Product(x, weight);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        s_given?.ForEach(t => t.Dispose());
        var saved = ctx.get_saved_variables();
        using Tensor x = saved[0].contiguous(), weight = saved[1].contiguous(), dy = grad_output.contiguous(); // [N, d], [f, d], [N, f]
        int n = (int)x.shape[0], d = (int)x.shape[1], f = (int)weight.shape[0], threads = get_num_threads();
        var dx = empty([n, d], float32).DetachFromDisposeScope();
        MatrixProduct.Multiply(n, d, f, Data(dy), f, 1, Data(weight), d, 1, Data(dx), false, threads);
        s_given = [dx];
        Tensor? dw = null;
        if ((bool)ctx.get_data(WeightLearns))
        {
            // A parameter that has a gradient already gets the product added where it is.
            using var gradient = saved[1].grad;
            if (gradient is null) s_given.Add(dw = empty([f, d], float32).DetachFromDisposeScope());
            MatrixProduct.Multiply(f, d, n, Data(dy), 1, f, Data(x), d, 1, Data(gradient ?? dw!), gradient is not null, threads);
        }

        // Else each lives until the caller's dispose scope ends.
        grad_output.Dispose();
        saved.ForEach(t => t.Dispose());
        return [dx, dw!];
    }

    private static Tensor Product(Tensor x, Tensor weight)
    {
        if (x.shape is not [var n, var d] || weight.shape is not [var f, var width] || width != d)
            throw new ArgumentException($"[{string.Join(", ", x.shape)}] times the transpose of [{string.Join(", ", weight.shape)}]");
        var y = empty([n, f], float32);
        using Tensor rows = x.contiguous(), columns = weight.contiguous();
        var threads = get_num_threads();
        MatrixProduct.Multiply((int)n, (int)f, (int)d, Data(rows), (nint)d, 1, Data(columns), 1, (nint)d, Data(y), false, threads);
        return y;
    }
}
