using System.Text;
using System.Text.Json;
using Btx.V1;

namespace Btx.Server.Verbs;

/// <summary>
/// A score as JSON. An expert that the routing did not run has no entry under <c>experts</c>. JSON has no infinity: the log-probability of
/// something impossible is written as the lowest double.
/// </summary>
internal static class ScoreJson
{
    /// <param name="moe">The BTX model whose routing the score holds; null: none.</param>
    public static string Write(ScoreResponse score, MoeModel? moe = null)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteStartArray("tokens");
            foreach (var id in score.Tokens) json.WriteNumberValue(id);
            json.WriteEndArray();
            WriteNumbers(json, "logprobs", score.Logprobs);
            json.WriteStartObject("experts");
            foreach (var expert in score.Experts.Where(expert => expert.Logprobs.Count > 0))
                WriteNumbers(json, expert.Name, expert.Logprobs);
            json.WriteEndObject();
            json.WriteStartObject("posterior");
            foreach (var expert in score.Experts) WriteNumbers(json, expert.Name, expert.Posterior);
            json.WriteEndObject();
            if (moe is not null) WriteRouting(json, score, moe);
            if (score.Windows.Count > 1) WriteWindows(json, score);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void WriteRouting(Utf8JsonWriter json, ScoreResponse score, MoeModel moe)
    {
        json.WriteStartObject("routing");
        json.WriteNumber("layers", moe.Layers);
        json.WriteStartArray("experts");
        foreach (var expert in moe.Experts) json.WriteStringValue(expert.Name);
        json.WriteEndArray();
        json.WriteStartArray("gates");
        foreach (var position in score.Routed)
        {
            json.WriteStartArray();
            foreach (var layer in position.Gates.Chunk(moe.Experts.Count))
            {
                json.WriteStartArray();
                foreach (var gate in layer) json.WriteNumberValue(gate);
                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteStartObject("domains");
        for (var d = 0; d < score.Routed[0].Domains.Count; d++)
            WriteNumbers(json, score.Routed[0].Domains[d].Domain, score.Routed.Select(position => position.Domains[d].Share));
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteWindows(Utf8JsonWriter json, ScoreResponse score)
    {
        json.WriteStartArray("windows");
        foreach (var window in score.Windows)
        {
            json.WriteStartObject();
            json.WriteNumber("start", window.Start);
            json.WriteNumber("end", window.End);
            json.WriteNumber("first", window.First);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<double> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers) json.WriteNumberValue(double.IsFinite(number) ? number : double.MinValue);
        json.WriteEndArray();
    }
}
