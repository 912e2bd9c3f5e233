namespace Btx.Model.Serving;

/// <summary>A safetensors file whose tensors are bound, each by its name, to the initializers of the served graphs.</summary>
public sealed record ServedWeights
{
    /// <summary>With <see cref="InSource"/> relative to the source model's directory; otherwise relative to the
    /// served manifest (converted weights).</summary>
    public required string Path { get; init; }

    public bool InSource { get; init; } = true;

    /// <summary>SHA-256 (hex) of the file.</summary>
    public required string Sha256 { get; init; }
}
