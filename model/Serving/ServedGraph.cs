namespace Btx.Model.Serving;

/// <summary>An ONNX graph of a served forest. <c>decode</c>: one new token on each of B contiguous slots. <c>ragged</c>: <see cref="Rows"/> sequences with any number of new tokens each.</summary>
public sealed record ServedGraph(string Form, int Rows, string File, string Sha256)
{
    public const string Decode = "decode";
    public const string Ragged = "ragged";
}
