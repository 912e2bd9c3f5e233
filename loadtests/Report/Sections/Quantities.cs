namespace Btx.LoadTests.Report.Sections;

/// <summary>Names of measured quantities, for people.</summary>
internal static class Quantities
{
    /// <param name="metric">Name of a <see cref="Costs.CostMetric"/>.</param>
    public static string Title(string metric) => metric switch
    {
        "decode_step" => "a decode step, the server's clock",
        "inter_token" => "time between tokens, mean",
        "inter_token_p50" => "time between tokens, p50",
        "inter_token_p99" => "time between tokens, p99",
        "time_to_first_token" => "time to first token, p50",
        "time_to_first_token_p99" => "time to first token, p99",
        "end_to_end" => "end to end, p50",
        "end_to_end_p99" => "end to end, p99",
        "tokens_per_second" => "tokens a second",
        "requests_per_second" => "requests a second",
        "goodput" => "goodput",
        "seconds_per_token" => "server time a token",
        _ => metric.Replace('_', ' '),
    };
}
