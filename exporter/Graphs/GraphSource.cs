using Onnx;

namespace Btx.Exporter.Graphs;

/// <summary>Builds a model's graph of one form.</summary>
internal delegate ModelProto GraphSource(GraphForm form, WeightPlacement weights);
