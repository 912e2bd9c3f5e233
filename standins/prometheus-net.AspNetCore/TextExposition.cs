using System.Globalization;
using System.Text;

namespace Prometheus;

/// <summary>Writes the text exposition format 0.0.4.</summary>
internal sealed class TextExposition
{
    private readonly StringBuilder _text = new();

    public static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    public static string Labels(string[] names, string[] values) =>
        string.Join(',', names.Zip(values, (name, value) => $"{name}=\"{Escape(value ?? "").Replace("\"", "\\\"", StringComparison.Ordinal)}\""));

    public void Header(string name, string help, string kind) => _text.Append(
        CultureInfo.InvariantCulture, $"# HELP {name} {Escape(help)}\n# TYPE {name} {kind}\n");

    public void Sample(string name, string labels, double value)
    {
        _text.Append(name);
        if (labels.Length > 0) _text.Append('{').Append(labels).Append('}');
        _text.Append(' ').Append(Number(value)).Append('\n');
    }

    public byte[] ToUtf8() => Encoding.UTF8.GetBytes(_text.ToString());

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
