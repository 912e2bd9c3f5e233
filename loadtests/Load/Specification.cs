using System.Globalization;

namespace Btx.LoadTests.Load;

/// <summary>An option's value of the form <c>kind:part,part</c>.</summary>
internal sealed class Specification
{
    private readonly string _option, _text, _forms;
    private readonly string[] _parts;

    /// <param name="forms">What it may look like, for messages.</param>
    public Specification(string option, string text, string forms)
    {
        (_option, _text, _forms) = (option, text, forms);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        Kind = colon < 0 ? text : text[..colon];
        _parts = colon < 0 ? [] : text[(colon + 1)..].Split(',');
    }

    public string Kind { get; }

    public bool Has(int parts) => _parts.Length == parts;

    public string Part(int index) => _parts[index].Length > 0 ? _parts[index] : throw Unknown();

    public int Whole(int index, string what, int least, int most = int.MaxValue) =>
        int.TryParse(_parts[index], NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n >= least && n <= most
            ? n
            : throw Fault($"{what}: \"{_parts[index]}\" is not a whole number from {least} {(most < int.MaxValue ? $"to {most}" : "on")}");

    public double Number(int index, string what, double above, bool orEqual = false) =>
        double.TryParse(_parts[index], NumberStyles.Float, CultureInfo.InvariantCulture, out var x) && double.IsFinite(x)
        && (x > above || (orEqual && x == above))
            ? x
            : throw Fault($"{what}: \"{_parts[index]}\" is not a number {(orEqual ? "from" : "above")} {above}{(orEqual ? " on" : "")}");

    public LoadTestException Unknown() => Fault($"expected {_forms}");

    public LoadTestException Fault(string what) => new($"{_option} {_text}: {what}");
}
