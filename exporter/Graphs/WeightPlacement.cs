namespace Btx.Exporter.Graphs;

/// <summary>Says where the data of weight <paramref name="name"/> lies, <paramref name="bytes"/> long.</summary>
public delegate ExternalTensor WeightPlacement(string name, long bytes);
