namespace Btx.Model.Configuration;

/// <summary>
/// The mixture in every layer of a Mixtral network: FF(x) = Σ_i g_i(W x) · FF_i(x), g the softmax over the k largest router logits
/// (arXiv 2401.04088, section 2.1). Tensor names are those inside a layer of a Hugging Face checkpoint.
/// </summary>
/// <param name="Experts">N, <c>num_local_experts</c>.</param>
/// <param name="ExpertsPerToken">k, <c>num_experts_per_tok</c>; how many run unless a request asks otherwise.</param>
/// <param name="AuxLossCoefficient">α of load balancing in training, <c>router_aux_loss_coef</c>.</param>
public sealed record MoeConfig(int Experts, int ExpertsPerToken, double AuxLossCoefficient = 0.01)
{
    public const int MaxExperts = 1024;

    /// <summary>Router weight, [N, d].</summary>
    public const string RouterTensor = "block_sparse_moe.gate.weight";

    /// <summary>W_gate of an expert, [f, d]: <c>mlp.gate_proj</c> of a Llama model.</summary>
    public static string GateTensor(int expert) => $"block_sparse_moe.experts.{expert}.w1.weight";

    /// <summary>W_down of an expert, [d, f]: <c>mlp.down_proj</c> of a Llama model.</summary>
    public static string DownTensor(int expert) => $"block_sparse_moe.experts.{expert}.w2.weight";

    /// <summary>W_up of an expert, [f, d]: <c>mlp.up_proj</c> of a Llama model.</summary>
    public static string UpTensor(int expert) => $"block_sparse_moe.experts.{expert}.w3.weight";
}

/// <summary>The <c>rope_scaling</c> object of a Hugging Face Llama config. <see cref="Type"/> is <c>linear</c> or <c>llama3</c>; the last
/// three fields belong to <c>llama3</c>.</summary>
public sealed record RopeScaling(
    string Type,
    double Factor,
    double LowFreqFactor = 1,
    double HighFreqFactor = 4,
    int OriginalMaxPositionEmbeddings = 8192);
