namespace Btx.Model.Serving;

/// <summary>An ONNX graph of a served forest. <c>decode</c>: one new token on each of B contiguous slots. <c>ragged</c>: <see cref="Rows"/>
/// sequences with any number of new tokens each.</summary>
/// <param name="ExpertsPerToken">For a mixture whose k is built into the graph: that k. Null: k is an input, or the model is dense.</param>
public sealed record ServedGraph(string Form, int Rows, string File, string Sha256, int? ExpertsPerToken = null)
{
    public const string Decode = "decode";
    public const string Ragged = "ragged";
}
