namespace Btx.Exporter.Graphs;

/// <summary>Where ONNX external data lies: a file beside the graph, a byte offset in it and a length in bytes.</summary>
public sealed record ExternalTensor(string Location, long Offset, long Length);
