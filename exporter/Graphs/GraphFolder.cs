using System.Security.Cryptography;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Serving;
using Google.Protobuf;

namespace Btx.Exporter.Graphs;

/// <summary>Writes the graphs of every served form, the tables they share, and the file that placeholders point into.</summary>
internal static class GraphFolder
{
    public const string Name = "graphs";

    /// <param name="building">The served directory; the files go into <see cref="Name"/> in it.</param>
    /// <param name="expertsPerToken">k where it is built into the graphs.</param>
    public static List<ServedGraph> Write(string building, LlamaConfig config, GraphPrecision precision, GraphSource source,
        int? expertsPerToken = null)
    {
        var directory = Path.Combine(building, Name);
        Directory.CreateDirectory(directory);
        RotaryTable.Write(Path.Combine(directory, WeightPlacements.RotaryFile), config, precision);
        File.WriteAllBytes(Path.Combine(directory, WeightPlacements.PlaceholderFile), []);
        var graphs = new List<ServedGraph>();
        foreach (var form in GraphForm.Served)
        {
            var bytes = source(form, WeightPlacements.Placeholder).ToByteArray();
            var file = FileName(form, expertsPerToken);
            AtomicFile.Write(Path.Combine(directory, file), stream => stream.Write(bytes));
            graphs.Add(new ServedGraph(form.Name, form.Rows, $"{Name}/{file}", Convert.ToHexStringLower(SHA256.HashData(bytes)),
                expertsPerToken));
        }

        return graphs;
    }

    public static string FileName(GraphForm form, int? expertsPerToken) =>
        expertsPerToken is { } k ? $"{Path.GetFileNameWithoutExtension(form.FileName)}-k{k}.onnx" : form.FileName;
}
