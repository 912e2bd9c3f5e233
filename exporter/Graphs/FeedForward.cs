namespace Btx.Exporter.Graphs;

/// <summary>
/// Adds the feed-forward block of a layer to a graph: the part in which a dense Llama and a mixture differ.
/// </summary>
/// <param name="graph">The graph under construction.</param>
/// <param name="layer">Layer index from 0.</param>
/// <param name="input">Value name; shape [.., d], normalised.</param>
/// <returns>Value name; the same shape.</returns>
internal delegate string FeedForward(GraphBuilder graph, int layer, string input);
