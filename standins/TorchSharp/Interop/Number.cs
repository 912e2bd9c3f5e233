namespace TorchSharp.Interop;

/// <summary>The shim's Number: an integer (kind 0), a real (1) or a truth value (2).</summary>
internal struct Number
{
    public double Real;
    public long Integer;
    public long Kind;
}
