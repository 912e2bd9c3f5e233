using System.Collections.Concurrent;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks;

/// <summary>Numbers handed to libtorch. TorchSharp turns a number into an object of its own whose finalizer may free the native value while
/// the call that was given it still runs, for nothing holds the object: so those that are used are held here.</summary>
internal static class KeptScalar
{
    private static readonly ConcurrentDictionary<double, Scalar> Kept = new();

    /// <summary>The same object for the same value, for ever: not for values that change from step to step.</summary>
    public static Scalar Of(double value) => Kept.GetOrAdd(value, static v => v.ToScalar());

    /// <summary>a + b; the operator makes a factor of 1 for each call.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, Of(1));

    /// <summary>a ← a + b.</summary>
    public static Tensor AddInPlace(this Tensor a, Tensor b) => a.add_(b, Of(1));
}
