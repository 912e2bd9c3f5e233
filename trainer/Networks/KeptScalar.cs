using System.Collections.Concurrent;
using TorchSharp;

namespace Btx.Trainer.Networks;

/// <summary>
/// Numbers handed to libtorch. TorchSharp turns a number into an object of its own whose finalizer may free the native value while the call that
/// was given it still runs, for nothing holds the object: so those that are used are held here. A model uses a handful of constants.
/// </summary>
internal static class KeptScalar
{
    private static readonly ConcurrentDictionary<double, Scalar> Kept = new();

    /// <summary>The same object for the same value, for ever: not for values that change from step to step.</summary>
    public static Scalar Of(double value) => Kept.GetOrAdd(value, static v => v.ToScalar());
}
