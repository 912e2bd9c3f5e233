namespace Btx.Model.Configuration;

/// <summary>
/// The <c>rope_scaling</c> object of a Hugging Face Llama config. <see cref="Type"/> is <c>linear</c> or <c>llama3</c>;
/// the last three fields belong to <c>llama3</c>.
/// </summary>
public sealed record RopeScaling(
    string Type,
    double Factor,
    double LowFreqFactor = 1,
    double HighFreqFactor = 4,
    int OriginalMaxPositionEmbeddings = 8192);
