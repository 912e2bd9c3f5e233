using TorchSharp.Interop;

namespace TorchSharp;

/// <summary>A number given to a tensor operation; converts implicitly from the number types.</summary>
public sealed class Scalar : IDisposable
{
    internal Scalar(Number value) => Value = value;

    internal Number Value { get; }

    public static implicit operator Scalar(byte value) => Whole(value);

    public static implicit operator Scalar(sbyte value) => Whole(value);

    public static implicit operator Scalar(short value) => Whole(value);

    public static implicit operator Scalar(int value) => Whole(value);

    public static implicit operator Scalar(long value) => Whole(value);

    public static implicit operator Scalar(float value) => Real(value);

    public static implicit operator Scalar(double value) => Real(value);

    public static implicit operator Scalar(bool value) => new(new Number { Kind = 2, Integer = value ? 1 : 0, Real = value ? 1 : 0 });

    /// <summary>Nothing to release here; the package's scalar is a native object.</summary>
    public void Dispose()
    {
    }

    private static Scalar Whole(long value) => new(new Number { Kind = 0, Integer = value, Real = value });

    private static Scalar Real(double value) => new(new Number { Kind = 1, Real = value });
}
