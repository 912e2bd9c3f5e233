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
    public static string Write(ScoreResponse score)
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
            foreach (var expert in score.Experts.Where(expert => expert.Logprobs.Count > 0)) WriteNumbers(json, expert.Name, expert.Logprobs);
            json.WriteEndObject();
            json.WriteStartObject("posterior");
            foreach (var expert in score.Experts) WriteNumbers(json, expert.Name, expert.Posterior);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<double> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers) json.WriteNumberValue(double.IsFinite(number) ? number : double.MinValue);
        json.WriteEndArray();
    }
}
